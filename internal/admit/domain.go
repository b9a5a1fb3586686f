package admit

import "millrace/internal/catalog"

// mainOf is the streaming domain whose name space d's streams live in.
func mainOf(d *catalog.Domain) string {
	if d.Main != "" {
		return d.Main
	}
	return d.Name
}

// modeOf is the latency mode of a streaming domain.
func modeOf(d *catalog.Domain) catalog.Mode {
	if d.Mode == "" {
		return catalog.SubSecond
	}
	return d.Mode
}

func roleWord(r catalog.Role) string {
	if r == catalog.Ingest {
		return "ingest"
	}
	return "streaming"
}
