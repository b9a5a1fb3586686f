package datadir

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	tokenFile = "admin-token"
	// tokenLeast is the shortest token that an operator may choose.
	tokenLeast = 16
)

// AdminToken returns the secret that opens the admin port. The first call ever
// makes it at random; an operator may put another one into the file.
func (d *Dir) AdminToken() (string, error) {
	path := filepath.Join(d.path, tokenFile)
	src, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = d.write(tokenFile, []byte(rand.Text()+"\n"), false)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		src, err = os.ReadFile(path)
	}
	if err != nil {
		return "", fmt.Errorf("read admin token: %w", err)
	}
	token := strings.TrimSpace(string(src))
	if len(token) < tokenLeast {
		return "", fmt.Errorf("read %s: a token wants %d characters at least", path, tokenLeast)
	}
	return token, nil
}
