package capture

import "golang.org/x/sys/unix"

// machine reads sysctl(3). Memory is in bytes.
func machine() (kernel, cpu string, memory int64) {
	if release, err := unix.Sysctl("kern.osrelease"); err == nil {
		kernel = "Darwin " + release
	}
	cpu, _ = unix.Sysctl("machdep.cpu.brand_string")
	n, _ := unix.SysctlUint64("hw.memsize")
	return kernel, cpu, int64(n)
}
