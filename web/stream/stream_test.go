package stream_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"gupscope/web/stream"
)

// A server that is there already is joined by its address.
func TestJoin(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	defer s.Shutdown()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server to be joined did not start")
	}
	nc, leave, err := stream.Join(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AccountInfo(t.Context()); err != nil {
		t.Errorf("JetStream over the connection: %v", err)
	}
	if _, _, err := stream.Join("nats://127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") {
		t.Errorf("joining nobody: got %v", err)
	}
}

// Two processes in one directory would spoil each other's files.
func TestOneServerPerDirectory(t *testing.T) {
	dir := t.TempDir()
	_, stop, err := stream.Embed(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := stream.Embed(dir); err == nil || !strings.Contains(err.Error(), "in use by another gupscope") {
		t.Errorf("a second server: got %v", err)
	}
	stop()
	_, stop, err = stream.Embed(dir)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	stop()
}
