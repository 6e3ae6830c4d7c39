import { dsse } from '@sigstore/core'

/**
 * The DSSE pre-authentication encoding that a signature covers:
 * `"DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload` (github.com/secure-systems-lab/dsse, protocol.md).
 */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Buffer {
  return dsse.preAuthEncoding(
    payloadType,
    Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
  )
}
