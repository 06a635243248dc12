package secret

import "strings"

// examplesOf holds the fingerprints of example secrets in widely copied documentation, which give no access: the
// manual of AWS IAM, OAuth and OpenID Connect (RFC 5849, 6749, 6750), and PyJWT.
const examplesOf = `
8078e276e9c41907 f0a8f4b660aa93ef dc4009ca0859ee13
ae8f79893dc0f86f b1f7d87b9369d5fa 333a181f372328fb 5f9a6ecbfc785bb0
b201c92272ffc54e ea98befeb577df4a d4b418193ebec4e9 aa70adc2e62695c3
14e2e09d1dd3fa24
`

func documented(fingerprint string) bool { return strings.Contains(examplesOf, fingerprint) }
