/** Content-addressed bytes. */
export { BlobStore, type PutOptions, type ReadOptions, type StoredBlob } from './blob-store.ts'
