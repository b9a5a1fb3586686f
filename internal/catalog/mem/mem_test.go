package mem_test

import (
	"testing"

	"go.uber.org/goleak"

	"millrace/internal/catalog"
	"millrace/internal/catalog/mem"
	"millrace/internal/catalog/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) catalog.Store { return mem.New() })
}
