namespace Belay.Storage;

/// <summary>Whose data it is: the first parameter of every store method, so that no query can cross accounts.</summary>
/// <param name="Account">Twelve digits.</param>
/// <param name="Region">Region name, such as <c>us-west-2</c>.</param>
public readonly record struct Scope(string Account, string Region);
