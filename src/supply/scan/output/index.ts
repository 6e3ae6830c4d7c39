export { SCAN_SCHEMA_VERSION, toJson } from './json.ts'
export { toJUnit } from './junit.ts'
export { toSarif } from './sarif.ts'
