export function script(...turns) {
  return JSON.stringify(turns);
}
