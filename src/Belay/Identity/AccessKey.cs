namespace Belay.Identity;

/// <summary>A key that callers sign with.</summary>
/// <param name="Id">20 characters that begin with <c>BELAY</c>.</param>
/// <param name="Account">Account that its requests act in.</param>
/// <param name="Description">What it is for.</param>
/// <param name="CreatedAt">When it was made.</param>
/// <param name="Secret">40 characters. Never logged; shown once, to whoever made it or may read the data directory.</param>
public sealed record AccessKey(string Id, string Account, string? Description, DateTimeOffset CreatedAt, string Secret)
{
    /// <summary>Shows no secret.</summary>
    public override string ToString() => $"AccessKey {Id} of {Account}";
}
