// Package console serves the built web pages: the player ("Try RTS"), the
// publisher and the time calibrator, and the two small answers that they ask for.
//
//	GET /               the player
//	GET /publish        the publisher
//	GET /calibrate      the time calibrator
//	GET /assets/{file}  their parts, named by their content
//	GET /demo.json      what there is to play, and where to publish
//	GET /clock          the server's clock
//
// and on the admin port, behind the operator's token:
//
//	GET /viewers        who watches, and how well
//	GET /api/viewers    the same as JSON; ?stream=, ?id= and ?limit= choose
//
// The pages are built from web/ into dist/, which is committed, so that the
// program builds without npm. The package may not know streams, keys or
// domains: whoever makes the handler says what there is to play.
package console
