// Package mmr is the Merkle Mountain Range over the markers: which hashes there are and where, one root that commits
// to all of them and to how many they are, and proofs of both for somebody who holds a root and nothing else.
//
// Nodes have the layout of draft-bryce-cose-receipts-mmr-profile: they are numbered from 0 in the order in which they
// come to be, a leaf and then each interior node that it completes. Ten leaves, for example, are 18 nodes:
//
//	3              14
//	2       6             13
//	1    2     5      9      12     17
//	0   0 1   3 4    7 8   10 11   15 16
//
// A leaf is the 32 bytes handed in (here: the id of a marker, which is a domain-separated hash already). An interior
// node is SHA256(BE64(index+1) || left || right). Nodes that have no parent are peaks, one for each bit that is set in
// the number of leaves. A node never changes, so that a range is a prefix of every later one.
//
// The draft leaves it open how peaks become one value. Here they are bagged from the right,
//
//	bag(P)         = P
//	bag(P, Q, ...) = SHA256("fnode/mmr/bag" || 0x01 || P || bag(Q, ...))
//	root           = SHA256("fnode/mmr/root" || 0x01 || BE64(size in nodes) || bag(peaks, highest first))
//	root of none   = SHA256("fnode/mmr/root" || 0x01 || BE64(0))
//
// which are inputs of 78, 55 and 23 bytes beside the 72 of an interior node: none can be taken for another. Bagged from
// the right the whole has the shape of the tree of RFC 6962: a proof of inclusion in n leaves has at most log2(n)+1 hashes.
//
// The package is a leaf of the imports: no clock, no I/O of its own, no goroutine. Its functions are pure and safe for
// concurrent use, as far as the Nodes given are; an Accumulator has one owner. A fault is codes.ProofInvalid with the
// reason, and whatever a Nodes returns comes back as it is.
//
//	var acc mmr.Accumulator
//	nodes = acc.Add(nodes, marker.ID)                        // write what was appended
//	proof, err := mmr.InclusionProof(stored, acc.Leaves(), 7) // for somebody with acc.Root()
//	err = mmr.VerifyInclusion(root, leaves, 7, id, proof)
package mmr
