package gittest

func setUmask() {}
