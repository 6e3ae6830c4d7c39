export { inputSchema } from './input-schema.ts'
