// Host is a program that embeds Waymeet and looks whether anything that belongs
// to the whole process was touched: when the package was linked, and when a
// relay and two nodes ran, met and stopped. It prints nothing by itself; what it
// found goes to file descriptor 3, then "ready" with a node that runs until a
// signal ends the process.
package main

import (
	"context"
	"crypto/sha256"
	"expvar"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"

	"github.com/waymeet/waymeet"
)

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

func main() {
	findings := os.NewFile(3, "findings")
	before := look()
	for _, what := range slices.Sorted(maps.Keys(linked)) {
		if before[what] != linked[what] {
			fmt.Fprintf(findings, "linked: %s: %q, not %q\n", what, before[what], linked[what])
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	node, err := run(ctx, os.Args[1])
	for what, now := range look() {
		if now != before[what] {
			fmt.Fprintf(findings, "ran: %s: %q, was %q\n", what, now, before[what])
		}
	}
	if err != nil {
		fmt.Fprintln(findings, err)
		return
	}
	fmt.Fprintln(findings, "ready")
	<-ctx.Done() // the signal comes first
	_ = node.Stop(context.Background())
}

// linked is what a process finds that has only linked the package, where that
// can be said beforehand. protoactor links the Prometheus client, and so expvar
// and its page.
var linked = map[string]string{
	"flags": "", "log": "true 3", "slog": "*slog.defaultHandler", "signals ignored": "",
	"pages": "/debug/vars", "expvar": "cmdline memstats",
}

// look is everything of the process that a library could touch.
func look() map[string]string {
	var flags, variables, families, ignored []string
	flag.VisitAll(func(f *flag.Flag) { flags = append(flags, f.Name) })
	expvar.Do(func(v expvar.KeyValue) { variables = append(variables, v.Key) })
	gathered, err := prometheus.DefaultGatherer.Gather()
	for _, family := range gathered {
		families = append(families, family.GetName())
	}
	for s := syscall.Signal(1); s < 32; s++ {
		if signal.Ignored(s) {
			ignored = append(ignored, s.String())
		}
	}
	directory, _ := os.Getwd()
	return map[string]string{
		"flags":           strings.Join(flags, " "),
		"log":             fmt.Sprint(log.Writer() == io.Writer(os.Stderr), log.Flags(), log.Prefix()),
		"slog":            fmt.Sprintf("%T", slog.Default().Handler()),
		"slog.Default":    fmt.Sprintf("%p", slog.Default()),
		"signals ignored": strings.Join(ignored, " "),
		"pages":           pages(),
		"http":            fmt.Sprintf("%p %p", http.DefaultTransport, http.DefaultClient),
		"expvar":          strings.Join(variables, " "),
		"prometheus":      fmt.Sprint(families, err),
		"otel":            fmt.Sprintf("%T %T", otel.GetMeterProvider(), otel.GetTracerProvider()),
		"environment":     fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(os.Environ(), "\n")))),
		"directory":       directory,
		"runtime":         fmt.Sprint(runtime.GOMAXPROCS(0), debug.SetMemoryLimit(-1)),
	}
}

// pages are those that a host which serves the default mux would serve.
func pages() string {
	var found []string
	for _, page := range []string{"/", "/debug/vars", "/debug/pprof/", "/debug/requests", "/metrics", "/status", "/healthz"} {
		_, pattern := http.DefaultServeMux.Handler(&http.Request{Method: http.MethodGet, Host: "host", URL: &url.URL{Path: page}})
		if pattern != "" {
			found = append(found, strings.TrimPrefix(pattern, "GET "))
		}
	}
	return strings.Join(found, " ")
}

// run runs a relay and two nodes that meet and say something, and stops them;
// then it starts one of them again.
func run(ctx context.Context, dir string) (*waymeet.Node, error) {
	relay, err := waymeet.StartRelay(ctx, waymeet.RelayConfig{StateDir: filepath.Join(dir, "relay"), Listen: loopback})
	if err != nil {
		return nil, err
	}
	config := func(name string) waymeet.Config {
		return waymeet.Config{StateDir: filepath.Join(dir, name), Listen: loopback, Relays: []string{relay.URL()}, Nickname: name}
	}
	anna, err := waymeet.Start(ctx, config("anna"))
	if err != nil {
		return nil, err
	}
	ben, err := waymeet.Start(ctx, config("ben"))
	if err != nil {
		return nil, err
	}
	if err := talk(ctx, anna, ben); err != nil {
		return nil, err
	}
	for _, running := range []interface{ Stop(context.Context) error }{anna, ben, relay} {
		if err := running.Stop(ctx); err != nil {
			return nil, err
		}
	}
	return waymeet.Start(ctx, config("anna"))
}

// talk brings two nodes together and sends a word over a channel.
func talk(ctx context.Context, anna, ben *waymeet.Node) error {
	founded, err := anna.Found(ctx)
	if err != nil {
		return err
	}
	ticket, err := founded.Invite(ctx, 0)
	if err != nil {
		return err
	}
	joined, err := ben.Join(ctx, ticket)
	if err != nil {
		return err
	}
	stream, err := joined.Peer(anna.Authority()).OpenStream(ctx, "word/1")
	if err != nil {
		return err
	}
	defer stream.Close()
	if _, err := io.WriteString(stream, "word"); err != nil {
		return err
	}
	_, accepted, err := founded.Peer(ben.Authority()).AcceptStream(ctx)
	if err != nil {
		return err
	}
	defer accepted.Close()
	_, err = io.ReadFull(accepted, make([]byte, len("word")))
	return err
}
