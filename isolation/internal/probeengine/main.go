// The build settings that every engine needs; see package inside.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
//go:debug decoratemappings=0

// Command probeengine is the engine that the tests of isolation start: it enters the sandbox as any
// engine does and then obeys one command per line of stdin, answering with one line each. It owns
// nothing and ends at the end of its input, unless told to be deaf.
//
//	echo look | (gate; cat) | probeengine
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/franken-node/fnode-supervisor/isolation/inside"
	"golang.org/x/sys/unix"
)

var spun atomic.Uint64 // written by spin, so that its loop is no empty one

func main() {
	switch arg(1) {
	case "mute": // never reports
		pause()
	case "liar": // says something else
		fmt.Print(strings.Repeat("hello", 200))
		pause()
	case "early":
		fmt.Fprintln(os.Stderr, "cannot go on")
		os.Exit(7)
	}
	if arg(1) != "nogate" {
		if _, err := inside.Enter(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		word, rest, _ := strings.Cut(in.Text(), " ")
		n, _ := strconv.Atoi(rest)
		obey(word, n)
	}
}

func arg(i int) string {
	if i < len(os.Args) {
		return os.Args[i]
	}
	return ""
}

// kept holds allocated memory.
var kept [][]byte

func obey(word string, n int) {
	switch word {
	case "look":
		look()
	case "attack":
		attack()
	case "alloc": // n MiB, touched
		b := make([]byte, n<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
		say("allocated %d", n)
	case "fork": // n processes that sleep for ever, every second one in a session of its own
		made, err := fork(n)
		say("forked %d %v", made, err)
	case "spin":
		for i := uint64(0); ; i++ { // the point of it
			spun.Store(i)
		}
	case "deaf": // no longer reads, so that it cannot notice the end of its input
		say("deaf")
		pause()
	case "stderr": // n MiB
		line := []byte(strings.Repeat("x", 1023) + "\n")
		for range n * 1024 {
			os.Stderr.Write(line)
		}
		say("flooded %d", n)
	case "exit":
		os.Exit(n)
	case "seal":
		say("sealed %v", inside.Seal())
	case "sigsys": // a call that no filter allows
		_, _, e := unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
		say("survived %v", e)
	case "work": // what an engine does all day, under its filter
		work()
		say("worked")
	default:
		say("unknown %s", word)
	}
}

func pause() {
	for {
		_ = unix.Pause()
	}
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// look says what the process sees of itself.
func look() {
	var open []int
	for fd := range 256 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			open = append(open, fd)
		}
	}
	entries, err := os.ReadDir("/")
	say("pid=%d uid=%d gid=%d env=%d fds=%v root=%d,%v threads=%d", os.Getpid(), os.Getuid(), os.Getgid(),
		len(os.Environ()), open, len(entries), err, runtime.NumGoroutine())
}

// attack tries what the layers forbid and says how each try ended.
func attack() {
	_, passwd := os.ReadFile("/etc/passwd")
	mkdir := os.Mkdir("/x", 0o700)
	_, wx := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
	mount := unix.Mount("none", "/", "tmpfs", 0, "")
	kill := unix.Kill(-1, 0)
	say("passwd=%v|mkdir=%v|wx=%v|mount=%v|kill=%v", passwd, mkdir, wx, mount, kill)
}

// fork makes sleeping processes by the bare system call; the children run nothing but raw calls.
func fork(n int) (made int, err error) {
	for i := range n {
		pid, _, errno := syscall.RawSyscall(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0)
		if errno != 0 {
			return made, errno
		}
		if pid == 0 {
			if i%2 == 1 {
				syscall.RawSyscall(syscall.SYS_SETSID, 0, 0, 0)
			}
			for {
				syscall.RawSyscall(syscall.SYS_PAUSE, 0, 0, 0)
			}
		}
		made++
	}
	return made, nil
}
