"""`modelward card`: one file for each kind of command, nothing imported before it is needed."""
