// Package smarthttp fetches from and pushes to a server as Git does over HTTP, for machines that have no git program.
// It has version 0 of the protocol, which every server speaks. The HTTP requests themselves are made by a second
// program, runs-https, so that runs starts without the libraries of HTTP and TLS: it is started for a transfer and
// controlled through its standard input and output.
//
// The package knows nothing of files: package native reads and writes the packs. It imports package native only for the
// ids of objects. Start with Connect in session.go. What a server sends is hostile: it is bounded and checked here.
package smarthttp
