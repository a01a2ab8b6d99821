export { roleMay } from './roles.ts';
