package secret

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"testing"
)

// encryptedKey is a key of P-256 by 'openssl pkcs8 -topk8 -v2 aes-256-cbc -outform DER', with the password "x".
const encryptedKey = "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiVP7I7BUjqfgICCAAwDAYIKoZIhvcNAgkFADAdBglghkgB" +
	"ZQMEASoEEGGdP5hohTlRbpaEVHHjXE4EgZAJxksXTpt5tso5tkoTs8cL2OPLBKTr2eWdYxSKBNPuh/gJEaV8UY5tSTvC" +
	"rXDdrlWFWUoOxfDNM2ReZ3ZpGF5+AMWiu3zH9z2w2V/2soY1IZrVrIM0cS0I3ktokg8ubRvcpNqlCI/ArECSf9rpk9vm" +
	"DlCv4PxxWvqWBGcTjTGK8h7eFfkofr9Lw6JL20+5TqE="

// bundle is the beginning of what 'openssl pkcs12 -export' makes, with the lengths of this part.
var bundle = []byte{
	0x30, 0x17, 0x02, 0x01, 0x03, 0x30, 0x12, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01,
	0xa0, 0x05, 0x04, 0x03, 1, 2, 3,
}

func TestDERKey(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	must := func(data []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	encrypted := must(base64.StdEncoding.DecodeString(encryptedKey))
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	keys := map[string][]byte{
		"PKCS 1":            x509.MarshalPKCS1PrivateKey(rsaKey),
		"SEC 1":             must(x509.MarshalECPrivateKey(ecKey)),
		"PKCS 8 of RSA":     must(x509.MarshalPKCS8PrivateKey(rsaKey)),
		"PKCS 8 of EC":      must(x509.MarshalPKCS8PrivateKey(ecKey)),
		"PKCS 8 of Ed25519": must(x509.MarshalPKCS8PrivateKey(edKey)),
		"PKCS 8, encrypted": encrypted,
		"PKCS 12":           bundle,
	}
	others := map[string][]byte{
		"a certificate":        must(x509.CreateCertificate(rand.Reader, template, template, &ecKey.PublicKey, ecKey)),
		"a public key":         must(x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)),
		"a public key, PKCS 1": x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey),
		"digits":               []byte("0123456789"),
		"a sequence":           {0x30, 0x03, 0x02, 0x01, 0x05},
		"nothing":              nil,
	}
	for name, data := range keys {
		if !DERKey(data) {
			t.Errorf("%s is not seen as a key", name)
		}
		if DERKey(append(data, 0)) {
			t.Errorf("%s is seen as a key although more follows", name)
		}
		for n := range data {
			if DERKey(data[:n]) {
				t.Errorf("%s is seen as a key when cut after %d bytes", name, n)
			}
		}
	}
	for name, data := range others {
		if DERKey(data) {
			t.Errorf("%s is seen as a key", name)
		}
	}
}

func FuzzDERKey(f *testing.F) {
	f.Add(bundle)
	f.Add([]byte{0x30, 0x83, 0xff, 0xff, 0xff, 0x02})
	f.Fuzz(func(t *testing.T, data []byte) {
		if DERKey(data) && data[0] != 0x30 {
			t.Error("a key does not begin with a sequence")
		}
	})
}
