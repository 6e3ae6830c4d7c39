export type { SafetensorsReading } from './read-safetensors.ts'
export { readSafetensors } from './read-safetensors.ts'
