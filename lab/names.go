package lab

import (
	"strconv"
	"strings"
)

// names numbers processes, objects and messages, the same in every run of one exploration. It belongs to one
// goroutine.
type names struct {
	procs, objects map[string]int
	keys           map[int]bool           // objects that are keys of the store
	msgs           map[[2]string][]string // link -> names by number
	world          *world                 // whose counts these are
	counts         map[[2]string]int
}

func newNames() *names {
	return &names{procs: map[string]int{}, objects: map[string]int{}, keys: map[int]bool{}, msgs: map[[2]string][]string{}}
}

func (n *names) proc(name string) int { return number(n.procs, name) }
func (n *names) isKey(obj int) bool   { return n.keys[obj] }

func (n *names) object(name string) int {
	i := number(n.objects, name)
	if strings.HasPrefix(name, "key ") {
		n.keys[i] = true
	}
	return i
}

func number(m map[string]int, name string) int {
	i, ok := m[name]
	if !ok {
		i = len(m)
		m[name] = i
	}
	return i
}

// count counts the messages of a link in one run.
func (n *names) count(w *world, link [2]string) int {
	if n.world != w {
		n.world, n.counts = w, map[[2]string]int{}
	}
	n.counts[link]++
	return n.counts[link]
}

func (n *names) message(link [2]string, i int) string {
	all := n.msgs[link]
	for len(all) < i {
		all = append(all, link[0]+"."+strconv.Itoa(len(all)+1))
	}
	n.msgs[link] = all
	return all[i-1]
}
