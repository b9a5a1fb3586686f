// Package node builds one running node: it is the only place that knows all
// rooms. It reads the installation's data, opens the listeners, hands each room
// its own, prints what to open, and takes everything down in order.
package node
