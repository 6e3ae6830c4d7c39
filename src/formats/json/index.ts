export type { JsonNode, JsonReading } from './read-json.ts'
export { member as jsonMember, readJson, stringAt as jsonString, walkJson } from './read-json.ts'
