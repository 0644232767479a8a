// Package marker is the format of the marker stream: fixed markers chained by hash, each with its payload, as
// frames in segment files (design: store, M1, M4, D5).
//
// It owns the bytes and their rules, and nothing else: it opens no file, keeps no state, and knows neither Badger
// nor the daemon, so that an offline verifier can link it. All integers are big-endian; hashes are SHA-256 with a
// domain in front; checksums are CRC-32C (Castagnoli, RFC 3720). Bytes are hostile until parsed.
//
// A segment file:
//
//	header 96 B | frame | frame | … | zeros that were preallocated, or the end
//
// A frame, padded with zeros to a multiple of 8:
//
//	crc 4 | length 4 | synced 8 | marker 152 | payload
//
// The crc covers all after itself. synced is the sequence that was durable when the frame was written: a frame
// testifies that everything up to synced had been on disk, so that a bad frame before it is damage, and one that
// nothing testifies for is a torn tail (Walk).
//
// Functions are pure and safe for concurrent use. A Marker is a value.
package marker
