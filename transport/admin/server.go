package admin

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	headerTimeout = 5 * time.Second
	idleTimeout   = 2 * time.Minute
	// maxHeader bounds the request head; names and recipients are in it.
	maxHeader = 16 << 10
)

// Config says what a server needs beside its backend.
type Config struct {
	// StateDir is the directory that gets the socket. It must exist and
	// should be readable by its owner alone.
	StateDir string
	// UnsafeDebug opens the routes under /v1/debug.
	UnsafeDebug bool
	// Logger hears of panics in a handler; nil means nobody does.
	Logger *slog.Logger
}

// Server answers on the admin socket of one state directory. It owns its
// goroutines and the socket file.
type Server struct {
	http *http.Server
	// hangUp ends every request that is under way, and is told why.
	hangUp context.CancelCauseFunc
	served chan error
}

// ServeNode opens the socket and answers for a node. Errors: a Problem when a
// living process holds the socket or the path is too long.
func ServeNode(config Config, backend Backend) (*Server, error) {
	return serve(config, nodeRoutes(backend, config.UnsafeDebug))
}

// ServeRelay opens the socket and answers for a relay, as ServeNode.
func ServeRelay(config Config, backend RelayBackend) (*Server, error) {
	return serve(config, relayRoutes(backend))
}

func serve(config Config, routes http.Handler) (*Server, error) {
	path, err := SocketPath(config.StateDir)
	if err != nil {
		return nil, err
	}
	listener, err := listen(path)
	if err != nil {
		return nil, err
	}
	base, hangUp := context.WithCancelCause(context.Background())
	s := &Server{
		http: &http.Server{
			Handler:           routes,
			ReadHeaderTimeout: headerTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeader,
			BaseContext:       func(net.Listener) context.Context { return base },
			ErrorLog:          errorLog(config.Logger),
		},
		hangUp: hangUp,
		served: make(chan error, 1),
	}
	go func() { s.served <- s.http.Serve(listener) }()
	return s, nil
}

func errorLog(logger *slog.Logger) *log.Logger {
	if logger == nil {
		return log.New(io.Discard, "", 0)
	}
	return slog.NewLogLogger(logger.Handler(), slog.LevelError)
}

// Stop closes the socket, hangs up on everyone, and returns when all of the
// server's goroutines have ended or ctx has; then it closes what is left.
func (s *Server) Stop(ctx context.Context) error {
	s.hangUp(hungUp)
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	if serveErr := <-s.served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}
