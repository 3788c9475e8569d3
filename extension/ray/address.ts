/** A cluster's address, with a path where a proxy put it behind one; no slash at the end. */
export type Address = string & { readonly brand: "Address" };

/**
 * Reads the setting forksight.ray.address.
 * @returns undefined for an empty text
 * @throws Error where it is no address
 */
export function readAddress(text: string): Address | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  // `head:8265` without a scheme would parse as the scheme `head:`.
  const written = /^[a-z]+:\/\//i.test(trimmed) ? trimmed : `http://${trimmed}`;
  let url: URL;
  try {
    url = new URL(written);
  } catch {
    throw new Error(
      `The setting forksight.ray.address is no address: "${trimmed}". It is the Ray dashboard's, such as http://head-node:8265.`,
    );
  }
  if (url.protocol === "ray:")
    throw new Error(
      `The setting forksight.ray.address is of Ray Client (${trimmed}). Jobs go to the dashboard's address, such as http://${url.hostname || "head-node"}:8265.`,
    );
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new Error(
      `The setting forksight.ray.address begins with http:// or https://, not ${url.protocol}//.`,
    );
  if (url.username !== "" || url.password !== "")
    throw new Error(
      'The setting forksight.ray.address holds a password. Take it out, and give the cluster\'s token with "Forksight: Set Ray Token...".',
    );
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}` as Address;
}
