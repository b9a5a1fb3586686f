// Command millrace runs a node (serve), sends and receives streams as a native
// client (publish, play), makes signed URLs (sign), exports and imports the catalog (catalog), loads servers (bench) and
// says which build it is (version). Everything that it does is in client and
// internal; this is flags.
package main
