// Package bulletin decides what people who are not engineers are told of an incident,
// and says it in plain words.
//
// Its words: a bulletin is the message that says that promises do not hold, of one
// incident or of several that began together; an update is that message, or what follows
// in its thread: somebody has it, it goes on, it is over. What is told by hand counts as
// an update too.
//
// Due is a pure function of the incidents, of what was told of them, and of the time: a
// restart or a peer comes to the same answer.
package bulletin
