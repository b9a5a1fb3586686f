// Package pair makes a stream of two further tracks of a publisher, one of each kind:
//
//	…?track=video1 ─► its pictures ─┐
//	                                ├─► …?track=video1,audio1
//	…?track=audio1 ─► its sound ────┘
//
// The frames are shared, and only while somebody reads them together. It knows no
// protocol and no socket.
package pair
