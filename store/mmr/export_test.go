package mmr

// Siblings are the indices beside the way from any node of a range to its peak.
func Siblings(leaves, index uint64) []uint64 {
	under, _ := Leaves(index) // the last leaf under the node
	c, out := newClimb(leaves, under, Height(index)), []uint64{}
	for h := c.from; h < c.top; h++ {
		out = append(out, c.sibling(h))
	}
	return out
}
