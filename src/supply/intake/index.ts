/** How bytes come in: checked, hashed while copied, content-addressed. */
export { requireArtifactPath, UNSIGNED_NAMES } from './artifact-path.ts'
export { DEFAULT_INTAKE_BUDGET, type IncomingFile, type IntakeBudget } from './incoming-file.ts'
export { packDirectory } from './pack-directory.ts'
export { comparePaths } from './path-order.ts'
export {
  type DirectoryFile,
  isUnsigned,
  type ReadDirectoryOptions,
  readDirectory,
  readFile,
} from './read-directory.ts'
export { readTar } from './read-tar.ts'
export { type TakeInOptions, takeIn } from './take-in.ts'
