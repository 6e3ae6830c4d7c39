/** OpenSSF Model Signing v1.0: signing, and verification that shares only the format with it. */
export {
  type SignDirectoryOptions,
  signDirectory,
  type VerifiedDirectory,
  type VerifyDirectoryOptions,
  verifyDirectory,
} from './directory.ts'
export { MAX_BUNDLE_BYTES } from './open-bundle.ts'
export { signArtifact } from './sign-artifact.ts'
export { type TrustedKey, trustKey } from './trusted-key.ts'
export { type VerifiedSignature, verifyBundle } from './verify-bundle.ts'
