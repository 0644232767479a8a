// Package evidence is why something was done, in a form that a third party can check: entries, each of which has
// all that its decision depended on; their replay by the code that decided; and bundles, which carry a part of the
// ledger with the proofs that it is that (design: store, E1 to E4).
//
// It owns the format of entries and bundles, and nothing else: it opens no file, has no clock, and knows neither the
// store nor who decides, so that an offline verifier can link it. Whoever replays hands in the functions. Bytes are
// hostile until parsed, and read within limits.
//
// A bundle:
//
//	"FNBUN" zero 2 | version 1 | parts: manifest, genesis, key …, checkpoint, proof, (marker …, proof) …, end
//
// A part:
//
//	length of its body 4 | kind 1 | zero 3 | crc 4 (CRC-32C of the 8 bytes before it and of the body) | body
//
// A marker's body is how its payload is shown 1 (0 here, 1 pruned, 2 redacted), the marker 152, the payload. Manifest
// and end are CBOR, a proof is what mmr.Proof.Encode gives. Markers up to the next proof are a run: consecutive, each
// chained to the one before; the proof leads from the last one to the root that the checkpoint signs, and the chain
// from there to the first. Integers are big-endian.
//
// Functions are safe for concurrent use as far as what is handed in is; a Ring and a Gatherer have one owner.
//
//	sum, err := evidence.WriteBundle(w, src, evidence.Range(100, 200))
//	rep, err := evidence.Verify(r, evidence.Check{Key: anchor, Replays: replays})
package evidence
