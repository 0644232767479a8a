package api

import (
	"net"
	"sync"
)

// limited accepts at most cap(slots) connections at once; the rest wait in the kernel's queue.
type limited struct {
	net.Listener
	slots chan struct{} // capacity: the limit; never closed
	done  chan struct{} // capacity 0; closed by Close
	once  sync.Once
}

// Limit bounds the connections of a listener; a connection that does not fit waits in the kernel's queue.
func Limit(l net.Listener, n int) net.Listener { return newLimited(l, n) }

func newLimited(l net.Listener, n int) *limited {
	return &limited{Listener: l, slots: make(chan struct{}, n), done: make(chan struct{})}
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &slotted{Conn: c, free: func() { <-l.slots }}, nil
}

// open is how many connections are held, with the one that is being waited for.
func (l *limited) open() int { return len(l.slots) }

func (l *limited) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// slotted gives its slot back once, when it is closed.
type slotted struct {
	net.Conn
	once sync.Once
	free func()
}

func (c *slotted) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.free)
	return err
}

// CloseWrite lets net/http end a connection whose request was not read to its end without losing the answer.
func (c *slotted) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return nil
}

func unwrap(c net.Conn) net.Conn {
	if s, ok := c.(*slotted); ok {
		return s.Conn
	}
	return c
}
