package api

import (
	"bytes"
	"context"
	"encoding/json"
	stderrors "errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

const maxAnswer = 64 << 20 // bytes of an answer that a client takes

// Client speaks to one daemon. Every error has a code: codes.Unreachable where nothing was sent,
// codes.ConnectionLost where the answer did not come, codes.VersionSkew where it is of another version.
// It makes a connection for each request, so that a request is never sent on one that the daemon is
// closing. It is safe for concurrent use.
type Client struct {
	socket string       // immutable after New
	http   *http.Client // immutable after New
}

// Dial makes a client of the daemon at that socket. Nothing is sent until the first request.
func Dial(socket string) *Client {
	d := &net.Dialer{Timeout: 5 * time.Second}
	t := &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", socket) },
	}
	return &Client{socket, &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Status asks for the daemon in one look.
func (c *Client) Status(ctx context.Context) (out Status, err error) {
	err = c.Get(ctx, "/v1/status", nil, &out)
	return out, err
}

// Tree asks for the snapshot of everything supervised.
func (c *Client) Tree(ctx context.Context) (out Tree, err error) {
	err = c.Get(ctx, "/v1/tree", nil, &out)
	return out, err
}

// Extensions asks for the packages held.
func (c *Client) Extensions(ctx context.Context) (out ExtensionList, err error) {
	err = c.Get(ctx, "/v1/extensions", nil, &out)
	return out, err
}

// WhoAmI asks who the caller is to the daemon.
func (c *Client) WhoAmI(ctx context.Context) (out WhoAmI, err error) {
	err = c.Get(ctx, "/v1/whoami", nil, &out)
	return out, err
}

// Doctor asks for the daemon's self-tests.
func (c *Client) Doctor(ctx context.Context) (out Doctor, err error) {
	err = c.Get(ctx, "/v1/doctor", nil, &out)
	return out, err
}

// Describe asks for one node in full.
func (c *Client) Describe(ctx context.Context, path string) (out Description, err error) {
	err = c.Get(ctx, "/v1/describe", url.Values{"path": {path}}, &out)
	return out, err
}

// Why asks for the first cause of a node's state.
func (c *Client) Why(ctx context.Context, path string) (out Why, err error) {
	err = c.Get(ctx, "/v1/why", url.Values{"path": {path}}, &out)
	return out, err
}

// Release asks for the daemon's release, by the header of its cheapest answer.
func (c *Client) Release(ctx context.Context) (string, error) {
	res, err := c.do(ctx, http.MethodGet, "/livez", nil, nil, "")
	if err != nil {
		return "", err
	}
	defer drop(res.Body)
	return res.Header.Get(HeaderRelease), nil
}

// Invoke calls a method. With r.Key the same call is carried out once, however often it is sent.
func (c *Client) Invoke(ctx context.Context, r InvokeRequest) (out InvokeResult, err error) {
	err = c.Post(ctx, "/v1/invoke", r, r.Key, &out)
	return out, err
}

// Stop, Start and Restart change a node; key may be empty.
func (c *Client) Stop(ctx context.Context, r VerbRequest, key string) (out VerbResult, err error) {
	err = c.Post(ctx, "/v1/stop", r, key, &out)
	return out, err
}

// Start starts a node.
func (c *Client) Start(ctx context.Context, r VerbRequest, key string) (out VerbResult, err error) {
	err = c.Post(ctx, "/v1/start", r, key, &out)
	return out, err
}

// Restart restarts a node.
func (c *Client) Restart(ctx context.Context, r VerbRequest, key string) (out VerbResult, err error) {
	err = c.Post(ctx, "/v1/restart", r, key, &out)
	return out, err
}

// Apply makes the running tree what the configuration at r.Path says.
func (c *Client) Apply(ctx context.Context, r VerbRequest, key string) (out VerbResult, err error) {
	err = c.Post(ctx, "/v1/apply", r, key, &out)
	return out, err
}

// Get asks for a document of an added row, or of any other.
func (c *Client) Get(ctx context.Context, path string, q url.Values, into any) error {
	res, err := c.do(ctx, http.MethodGet, path, q, nil, "")
	if err != nil {
		return err
	}
	return c.decode(ctx, res, into, false)
}

// Post sends a document to be written; key may be empty.
func (c *Client) Post(ctx context.Context, path string, body any, key string, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return codes.New(codes.BadRequest, "the request cannot be written as JSON: %v", err).Outcome(base.EffectNone).Wrap(err)
	}
	res, err := c.do(ctx, http.MethodPost, path, nil, b, key)
	if err != nil {
		return err
	}
	return c.decode(ctx, res, into, true)
}

// do sends a request and returns its good answer; a problem becomes its error.
func (c *Client) do(ctx context.Context, method, path string, q url.Values, body []byte, key string) (*http.Response, error) {
	u := url.URL{Scheme: "http", Host: "fnode", Path: path, RawQuery: q.Encode()}
	var rd io.Reader
	if body != nil {
		rd = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), rd)
	if err != nil {
		return nil, codes.New(codes.BadRequest, "the request cannot be made: %v", err).Outcome(base.EffectNone).Wrap(err)
	}
	req.GetBody = nil // sent once: what broke off is told, not repeated
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set(HeaderKey, key)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.lost(ctx, err, method == http.MethodPost)
	}
	return c.check(res)
}

func (c *Client) check(res *http.Response) (*http.Response, error) {
	if v := res.Header.Get(HeaderAPI); v != Version {
		drop(res.Body)
		return nil, codes.New(codes.VersionSkew, "the daemon on %s speaks %q, this fnctl %q", c.socket, clip(v, 40), Version)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer drop(res.Body)
	body, err := io.ReadAll(io.LimitReader(res.Body, maxFrame))
	if err != nil {
		return nil, codes.New(codes.ConnectionLost, "the connection broke in the middle of the answer: %v", err).Outcome(base.EffectUnknown).Wrap(err)
	}
	return nil, readProblem(res.StatusCode, res.Header.Get("Content-Type"), body)
}

func (c *Client) decode(ctx context.Context, res *http.Response, into any, write bool) error {
	defer drop(res.Body)
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return c.lost(ctx, err, write)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return codes.New(codes.VersionSkew, "the daemon's answer cannot be read: %v", err).Wrap(err)
	}
	return nil
}

// lost says what is known of a request that got no answer.
func (c *Client) lost(ctx context.Context, err error, write bool) error {
	var op *net.OpError
	dialed := !(stderrors.As(err, &op) && op.Op == "dial")
	var e *codes.Error
	switch {
	case stderrors.Is(ctx.Err(), context.Canceled):
		e = codes.New(codes.Interrupted, "interrupted")
	case ctx.Err() != nil || stderrors.Is(err, context.DeadlineExceeded):
		e = codes.New(codes.ClientTimeout, "no answer from %s in time", c.socket)
	case !dialed:
		return c.unreachable(op)
	default:
		e = codes.New(codes.ConnectionLost, "the daemon on %s went away before it answered", c.socket)
	}
	if write {
		e.Outcome(base.EffectNone)
		if dialed {
			e.Outcome(base.EffectUnknown)
		}
	}
	return e.Wrap(err)
}

func (c *Client) unreachable(err *net.OpError) error {
	e := codes.New(codes.Unreachable, "the daemon is not reachable on %s: %v", c.socket, err.Err).Outcome(base.EffectNone).Wrap(err).
		Fact("unchanged", "nothing was sent")
	if stderrors.Is(err, fs.ErrPermission) {
		e.Fact("try", "ask its operator for a role: [[api.roles]] with uid = %d in the daemon's configuration", os.Getuid())
	} else {
		e.Fact("try", "fnode-supervisor run --socket %s", c.socket)
	}
	return e.Fact("or", "name another socket: fnctl --socket PATH, or FNODE_SOCKET")
}

func drop(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10)
	_ = body.Close()
}

// String names the daemon for messages.
func (c *Client) String() string { return fmt.Sprintf("daemon on %s", c.socket) }
