package view

import (
	"os"
	"testing"

	"github.com/gitruns/runs/repo/git/gittest"
)

func TestMain(m *testing.M) { os.Exit(gittest.Main(m)) }
