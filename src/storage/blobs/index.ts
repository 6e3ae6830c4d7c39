/** Content-addressed bytes. */
export { BlobStore, type PutOptions, type StoredBlob } from './blob-store.ts'
