export { PERSON_ROLES, policyOf } from './people.ts';
export type { Asker, People, PersonRole, Policy } from './people.ts';
export { roleMay } from './roles.ts';
