namespace Belay.Models;

/// <summary>A model configuration, resolved.</summary>
/// <param name="Model">The model.</param>
/// <param name="Parameters">Its sampling parameters.</param>
public sealed record ResolvedModel(IModel Model, ModelParameters Parameters);
