/** Where a version comes from. */
export { type DeclaredOrigin, type Lineage, LineageSchema, lineageOf } from './lineage.ts'
