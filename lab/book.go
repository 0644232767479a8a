package lab

import "strconv"

// book numbers what occurs in the runs of one exploration, the same in each of them: processes, objects, actors
// and messages. It belongs to one goroutine.
type book struct {
	procs   map[string]int
	objects map[string]int32
	names   []string // of processes, by number
	keys    map[int32]uint64
	people  map[string]*person
	msgs    []message // from 1
	run     int       // whose counts the links hold
}

// person is an actor, by path, as all runs know it.
type person struct {
	path        string
	hash        uint64
	proc        int
	box, region int32 // objects: the mailbox, and the region of its incarnation
	alive       int32 // object: whether its incarnation ends, and its slot is to be left
	up          *person
	links       []*link
	timers      []int // processes, by number of the arming
	writes      []int // processes, by number of the commit
}

// link is a pair of actors of whom the first has sent to the second.
type link struct {
	from, to *person
	proc     int
	msgs     []int32 // by number
	letters  []int   // processes of single letters, by number
	run, n   int     // messages so far in the run
	name     string
	others   []*link // what is sent in the sender's name in steps of others, numbered apart: nobody orders the two
	by       int     // of such a link: the process
}

// message is what a trace knows of one.
type message struct {
	name string // its sender and its number on that link
	hash uint64
}

func newBook() *book {
	b := &book{
		procs: map[string]int{}, objects: map[string]int32{}, keys: map[int32]uint64{},
		people: map[string]*person{}, msgs: make([]message, 1),
	}
	return b
}

func (b *book) proc(name string) int {
	i, ok := b.procs[name]
	if !ok {
		i = len(b.names)
		b.procs[name] = i
		b.names = append(b.names, name)
	}
	return i
}

func (b *book) object(name string) int32 {
	i, ok := b.objects[name]
	if !ok {
		i = int32(len(b.objects)) + 1
		b.objects[name] = i
	}
	return i
}

// key is the object of a key of the store.
func (b *book) key(k string) int32 {
	i := b.object("key " + k)
	if b.keys[i] == 0 {
		b.keys[i] = hashOf(k)
	}
	return i
}

// person finds an actor by its path; "" is the root, whose region owns the actors of the set-up, and "-" is the
// world outside.
func (b *book) person(path string) *person {
	p := b.people[path]
	if p == nil {
		p = &person{path: path, hash: hashOf(path), box: b.object("box " + path), region: b.object("region " + path), alive: b.object("life " + path)}
		p.proc = b.proc(path)
		b.people[path] = p
		if path != "" && path != "-" {
			p.up = b.person(parentOf(path))
		}
	}
	return p
}

func parentOf(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[:i]
		}
	}
	return ""
}

func (p *person) link(b *book, to *person) *link {
	for _, l := range p.links {
		if l.to == to {
			return l
		}
	}
	l := &link{from: p, to: to, proc: b.proc("link " + p.path + " to " + to.path), name: p.path}
	p.links = append(p.links, l)
	return l
}

// in is the part of the link for what is sent in steps of another process.
func (l *link) in(b *book, by int) *link {
	for _, o := range l.others {
		if o.by == by {
			return o
		}
	}
	o := &link{from: l.from, to: l.to, proc: l.proc, by: by, name: l.from.path + "@" + b.names[by]}
	if l.from.path == "-" { // the world outside is no sender of its own
		o.name = b.names[by]
	}
	l.others = append(l.others, o)
	return o
}

// next numbers one more message of the link.
func (l *link) next(b *book) (msg int32, n int) {
	if l.run != b.run {
		l.run, l.n = b.run, 0
	}
	l.n++
	if l.n > len(l.msgs) {
		name := l.name + "." + strconv.Itoa(l.n)
		b.msgs = append(b.msgs, message{name, mix(hashOf(l.name), uint64(l.n))})
		l.msgs = append(l.msgs, int32(len(b.msgs)-1))
	}
	return l.msgs[l.n-1], l.n
}

// letter is the process that delivers the n-th message of the link, where messages travel by themselves.
func (l *link) letter(b *book, n int) int {
	for len(l.letters) < n {
		l.letters = append(l.letters, b.proc("letter "+b.msgs[l.msgs[len(l.letters)]].name+" to "+l.to.path))
	}
	return l.letters[n-1]
}

// timer is the process of the n-th timer that the actor arms, write that of its n-th commit.
func (p *person) timer(b *book, n int) int { return nth(b, &p.timers, "timer "+p.path+"#", n) }
func (p *person) write(b *book, n int) int { return nth(b, &p.writes, "commit "+p.path+"#", n) }

func nth(b *book, procs *[]int, name string, n int) int {
	for len(*procs) < n {
		*procs = append(*procs, b.proc(name+strconv.Itoa(len(*procs)+1)))
	}
	return (*procs)[n-1]
}

// mix folds v into h. The trace of a run is a hash of 128 bits, so that a million of them fit.
func mix(h, v uint64) uint64 {
	h ^= v + 0x9e3779b97f4a7c15 + h<<6 + h>>2
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 29
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}

func hashOf(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return mix(h, uint64(len(s)))
}
