/** What a model was trained on, by the digests of its files. */
export { type DatasetManifest, DatasetManifestSchema, readDatasetManifest } from './dataset-manifest.ts'
