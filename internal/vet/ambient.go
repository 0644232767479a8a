package vet

import (
	"fmt"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ssa"
)

// Ambient is rule C5, for code that holds a Cx.
var Ambient = &analysis.Analyzer{
	Name: "ambient",
	Doc: `report ambient authority in code that holds a Cx (C1, C5)

A handler, and what it calls in its package, reaches time, randomness, timers, files, processes, the network and
goroutines through its Cx only: in the lab the lab answers. A goroutine is no finding where it is given the release
function of Cx.Own: then the actor's region owns it (R1), and what it does is a driver's business.`,
	Requires: []*analysis.Analyzer{prepared},
	Run:      runAmbient,
}

// power is one kind of authority.
type power struct {
	remedy string
	names  map[string]string // package -> names, by space; Type.Method for methods; * is all but the names with a minus
}

var powers = []power{
	{"use cx.Now", map[string]string{"time": "Now Since Until"}},
	{"arm a timer with cx.After, and wait for its message", map[string]string{
		"time": "Sleep After AfterFunc NewTimer NewTicker Tick",
	}},
	{"use cx.Rand", map[string]string{
		"math/rand": "* -New -NewSource -NewZipf Rand.-", "math/rand/v2": "* -New -NewPCG -NewChaCha8 -NewZipf Rand.-",
		"crypto/rand": "*", "github.com/google/uuid": "New NewString NewRandom NewUUID NewV6 NewV7",
	}},
	{"own a driver with cx.Own, and let it send what it learns through cx.Port", map[string]string{
		"net": "Dial DialTimeout DialTCP DialUDP DialIP DialUnix Listen ListenTCP ListenUDP ListenIP ListenUnix ListenUnixgram " +
			"ListenPacket ListenMulticastUDP FileConn FileListener Interfaces InterfaceAddrs LookupHost LookupIP LookupAddr LookupCNAME LookupMX LookupNS LookupPort LookupSRV " +
			"LookupTXT LookupNetIP ResolveIPAddr ResolveTCPAddr ResolveUDPAddr " +
			"Dialer.Dial Dialer.DialContext ListenConfig.Listen ListenConfig.ListenPacket Resolver.LookupHost Resolver.LookupIP Resolver.LookupAddr " +
			"Resolver.LookupIPAddr Resolver.LookupCNAME Resolver.LookupMX Resolver.LookupTXT Resolver.LookupNS Resolver.LookupSRV Resolver.LookupNetIP",
		"net/http": "Get Head Post PostForm ListenAndServe ListenAndServeTLS Serve ServeTLS " +
			"Client.Do Client.Get Client.Head Client.Post Client.PostForm Server.ListenAndServe Server.ListenAndServeTLS Server.Serve Transport.RoundTrip",
		"net/rpc": "Dial DialHTTP", "net/smtp": "Dial SendMail", "crypto/tls": "Dial DialWithDialer Listen",
	}},
	{"own a process through a driver, as engineproc does", map[string]string{
		"os/exec": "Command CommandContext LookPath Cmd.Run Cmd.Start Cmd.Output Cmd.CombinedOutput",
		"os":      "StartProcess FindProcess Exit Process.Kill Process.Signal Process.Wait Process.Release",
		"syscall": "Exec ForkExec Kill StartProcess Exit",
	}},
	{"read and commit durable state with cx.Read, cx.List and cx.Commit, or own a driver with cx.Own", map[string]string{
		"os": "Open OpenFile OpenInRoot OpenRoot Create CreateTemp ReadFile WriteFile ReadDir Remove RemoveAll Rename Mkdir MkdirAll MkdirTemp " +
			"Stat Lstat Chmod Chown Lchown Chtimes Chdir Link Symlink Readlink Truncate CopyFS DirFS Pipe NewFile",
		"io/ioutil":     "ReadFile WriteFile ReadDir TempFile TempDir",
		"path/filepath": "Walk WalkDir Glob EvalSymlinks",
		"syscall":       "Open Creat Unlink Mkdir Rename Rmdir Read Write Socket Connect Bind Listen Accept",
	}},
	{"own it with cx.Own, and give it the release function", map[string]string{
		"sync": "WaitGroup.Go", "golang.org/x/sync/errgroup": "Group.Go Group.TryGo",
	}},
}

// authority says what a function of another package reaches; "" for nothing.
func authority(m *types.Func) (name, remedy string) {
	pkg, recv, n := method(m)
	if pkg == nil {
		return "", ""
	}
	full := n
	if recv != "" {
		full = recv + "." + n
	}
	for _, p := range powers {
		names := strings.Fields(p.names[pkg.Path()])
		all := slices.Contains(names, "*") && !slices.Contains(names, "-"+n) && recv == "" && token.IsExported(n)
		if all || slices.Contains(names, full) {
			return pkg.Name() + "." + full, p.remedy
		}
	}
	return "", ""
}

type ambientRun struct {
	pass  *analysis.Pass
	p     *program
	means map[*ssa.Function]*reach
	told  map[token.Pos]bool
}

// reach is authority that a function gets at, and how.
type reach struct {
	pos          token.Pos
	name, remedy string
	via          *reach // by a call at pos
}

func runAmbient(pass *analysis.Pass) (any, error) {
	p, _ := pass.ResultOf[prepared].(*program)
	if p == nil {
		return nil, nil
	}
	r := &ambientRun{pass, p, map[*ssa.Function]*reach{}, map[token.Pos]bool{}}
	for _, fn := range p.funcs {
		if p.handles(fn) {
			eachInstr(fn, func(in ssa.Instruction) {
				if c := r.of(in); c != nil {
					r.tell(c)
				}
			})
		}
	}
	p.allow.stale(pass)
	return nil, nil
}

// of is the authority that an instruction uses, by itself or by a call in this package.
func (r *ambientRun) of(in ssa.Instruction) *reach {
	if g, ok := in.(*ssa.Go); ok {
		if ownedGo(g) {
			return nil
		}
		return &reach{pos: in.Pos(), name: "a go statement", remedy: "own the goroutine with cx.Own and give it the release function, or spawn an actor"}
	}
	for _, op := range in.Operands(nil) {
		fn, ok := (*op).(*ssa.Function)
		if !ok {
			continue
		}
		if name, remedy := authority(declared(fn)); name != "" {
			return &reach{pos: posOf(in), name: name, remedy: remedy}
		}
	}
	c, ok := in.(ssa.CallInstruction)
	if !ok {
		return nil
	}
	if name, remedy := authority(callee(c.Common())); name != "" && !ownedCall(c) {
		return &reach{pos: in.Pos(), name: name, remedy: remedy}
	}
	fn := source(c.Common().StaticCallee())
	if fn == nil || fn.Package() != r.p.pkg || r.p.handles(fn) {
		return nil
	}
	if inner := r.within(fn); inner != nil {
		return &reach{pos: in.Pos(), name: fn.Name(), via: inner}
	}
	return nil
}

// ownedCall says whether what starts a goroutine is given a function with a release function in it.
func ownedCall(c ssa.CallInstruction) bool {
	return spawns(callee(c.Common())) && slices.ContainsFunc(c.Common().Args, func(a ssa.Value) bool { return releases(a, map[ssa.Value]bool{}) })
}

// within is the first authority that fn gets at.
func (r *ambientRun) within(fn *ssa.Function) *reach {
	if got, ok := r.means[fn]; ok {
		return got
	}
	r.means[fn] = nil
	eachInstr(fn, func(in ssa.Instruction) {
		if r.means[fn] == nil {
			if c := r.of(in); c != nil {
				r.means[fn] = c
			}
		}
	})
	return r.means[fn]
}

func posOf(in ssa.Instruction) token.Pos {
	if p := in.Pos(); p.IsValid() {
		return p
	}
	if s, ok := in.(*ssa.Store); ok {
		return s.Val.Pos()
	}
	for _, i := range in.Block().Instrs {
		if i.Pos().IsValid() {
			return i.Pos()
		}
	}
	return token.NoPos
}

func (r *ambientRun) tell(c *reach) {
	if r.told[c.pos] {
		return
	}
	r.told[c.pos] = true
	if c.via == nil {
		r.p.report(r.pass, analysis.Diagnostic{Pos: c.pos, Message: fmt.Sprintf("%s is ambient authority in code that holds a Cx; %s (C5)", c.name, c.remedy)})
		return
	}
	end, way := c, fmt.Sprintf("%d %s", line(r.pass.Fset, c.pos), c.name)
	for end.via != nil {
		end = end.via
		way += fmt.Sprintf(" > %d %s", line(r.pass.Fset, end.pos), end.name)
	}
	r.p.report(r.pass, analysis.Diagnostic{Pos: c.pos, Message: fmt.Sprintf(
		"%s reaches ambient authority from code that holds a Cx, on the path %s; %s (C5)", c.name, way, end.remedy)})
}
