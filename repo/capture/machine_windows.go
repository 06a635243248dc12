package capture

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

var globalMemoryStatusEx = windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")

// memoryStatus is the struct MEMORYSTATUSEX of sysinfoapi.h.
type memoryStatus struct {
	length, load                                                                   uint32
	total, available, totalPage, availablePage, totalVirtual, availableVirtual, ex uint64
}

// machine asks the kernel for its version and memory, in bytes.
func machine() (kernel, cpu string, memory int64) {
	v := windows.RtlGetVersion()
	kernel = fmt.Sprintf("Windows %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
	status := memoryStatus{length: uint32(unsafe.Sizeof(memoryStatus{}))}
	if ok, _, _ := globalMemoryStatusEx.Call(uintptr(unsafe.Pointer(&status))); ok != 0 {
		memory = int64(status.total)
	}
	return kernel, os.Getenv("PROCESSOR_IDENTIFIER"), memory
}
