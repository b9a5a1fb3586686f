// Command millrace runs a node (serve), makes signed URLs (sign) and says which
// build it is (version). Everything that it does is in internal; this is flags.
package main
