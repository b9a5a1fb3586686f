// Package intake hands what a publisher sends frame by frame to the hub: it keeps
// times without jumps, announces the tracks once those that were promised have
// come, and counts. It knows no protocol and no socket.
package intake
