package journal

// Unsaved is how many records are waiting to be written.
func (j *Journal[T]) Unsaved() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.unsaved)
}
