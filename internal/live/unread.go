package live

// HasReaders says whether somebody reads what the publisher appends to. Any
// goroutine may call it.
func (p *Publisher) HasReaders() bool {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readers > 0
}

// OnReader makes wake be called whenever the stream gets a reader and had none:
// HasReaders says so by then. Any goroutine calls it; it must not block.
func (p *Publisher) OnReader(wake func()) {
	s := p.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	p.wake = wake
}
