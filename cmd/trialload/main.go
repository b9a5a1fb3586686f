package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"millrace/internal/load"
)

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	pid, _ := strconv.Atoi(os.Args[2])
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- load.Publish(ctx, "rtmp://127.0.0.1:1935/live/load", load.FullHD) }()
	time.Sleep(3 * time.Second)
	for _, k := range []int{1, n} {
		r, err := load.Run(ctx, load.Options{WHEP: "http://127.0.0.1:8080/whep/live/load", Viewers: k, Joins: 100, For: 8 * time.Second, PID: pid, Idle: load.RSS(pid)})
		fmt.Printf("%+v %v\n", r, err)
	}
	cancel()
	fmt.Println(<-done)
}
