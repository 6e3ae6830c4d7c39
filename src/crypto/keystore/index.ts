export { Keystore, type ModelSigningKey } from './keystore.ts'
