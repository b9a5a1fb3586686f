// Package client publishes streams to Millrace and plays them.
package client
