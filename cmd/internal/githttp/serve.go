// Package githttp makes the HTTP requests of a fetch or push: it is all of the program runs-https. It reads Git's
// settings for HTTP, finds the credentials of a server, and never gives them to another server. It does not know what
// the bodies of requests and answers mean: the package repo/git/smarthttp does, which also defines the messages between
// the two programs.
//
// Start with Serve. What a server sends is hostile. A setting that this package does not support is an error that names
// it.
package githttp

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gitruns/runs/repo/git/smarthttp"
)

// Serve answers the requests of one session until the input ends. The error reports input that violates the protocol.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	wire := smarthttp.NewWire(in, out)
	var hello smarthttp.Hello
	if err := wire.ReceiveMessage(&hello); err != nil {
		return fmt.Errorf("reading the first message: %w", err)
	}
	if hello.Version != smarthttp.Version {
		return wire.SendMessage(smarthttp.Reply{Version: smarthttp.Version})
	}
	c, err := newClient(hello)
	if err != nil {
		return wire.SendMessage(smarthttp.Reply{Error: asError(err)})
	}
	if err := wire.SendMessage(smarthttp.Reply{Version: smarthttp.Version}); err != nil {
		return err
	}
	for {
		var r smarthttp.Request
		err := wire.ReceiveMessage(&r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading a request: %w", err)
		}
		if r.Service != smarthttp.UploadPack && r.Service != smarthttp.ReceivePack {
			return fmt.Errorf("the service %.40q is unknown", r.Service)
		}
		var answer io.ReadCloser
		switch r.Op {
		case smarthttp.OpDiscover:
			answer, err = c.discover(ctx, r.Service)
		case smarthttp.OpCall:
			body := wire.ReceiveBody()
			answer, err = c.call(ctx, r.Service, body)
			if _, readErr := io.Copy(io.Discard, body); readErr != nil { // a server may answer before it has read all
				return fmt.Errorf("reading a body: %w", readErr)
			}
		default:
			return fmt.Errorf("unknown operation %.20q", r.Op)
		}
		if err != nil {
			if err := wire.SendMessage(smarthttp.Reply{Error: asError(err)}); err != nil {
				return err
			}
			continue
		}
		if err := send(wire, c, answer); err != nil {
			return err
		}
	}
}

// send sends an answer. If the server breaks off, an error takes the place of the rest.
func send(wire *smarthttp.Wire, c *client, answer io.ReadCloser) error {
	defer func() { _ = answer.Close() }()
	if err := wire.SendMessage(smarthttp.Reply{}); err != nil {
		return err
	}
	body := wire.SendBody()
	buffer := make([]byte, 64<<10)
	for {
		n, err := answer.Read(buffer)
		if _, err := body.Write(buffer[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return body.Close()
		}
		if err != nil {
			return wire.SendMessage(smarthttp.Reply{Error: asError(c.failed(err))})
		}
	}
}

// asError returns an error as a message. Its parts are bounded, because they may come from a server.
func asError(err error) *smarthttp.Error {
	var e *smarthttp.Error
	if !errors.As(err, &e) {
		e = &smarthttp.Error{Kind: smarthttp.Network, Message: err.Error()}
	}
	const most = 4000
	bounded := *e
	for _, text := range []*string{&bounded.Message, &bounded.Hint, &bounded.Output} {
		if len(*text) > most {
			*text = (*text)[:most] + " ..."
		}
	}
	return &bounded
}
